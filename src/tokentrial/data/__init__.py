"""Data sets: synthetic sources with their floors in closed form, and WikiText-2."""
