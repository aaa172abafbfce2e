"""What every long call needs of the machine: cores, memory, processes, progress, files."""
