"""Data sets: synthetic sources with floors in closed form, and the text corpora of the real-text studies."""
