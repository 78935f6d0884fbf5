"""Reading packs, walking what refs reach, and making packs, on raw bytes."""
