"""`hintrelay demo`: a small sweep, by itself, from data to scored hints."""
