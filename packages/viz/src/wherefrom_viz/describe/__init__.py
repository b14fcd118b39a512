"""What there is to draw, described once; every view draws this and computes nothing of its own."""
