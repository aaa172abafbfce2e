"""What every long call needs: memory, processes, progress, files written whole, the archive of a result."""
