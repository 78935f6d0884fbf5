"""What each section of a Space's settings page shows."""
