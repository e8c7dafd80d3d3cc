"""Read runs back from journals and vendors; nothing here writes to either."""
