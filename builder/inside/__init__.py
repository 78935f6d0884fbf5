"""Scripts that run in containers, with the standard library only; never imported by Spaceport."""
