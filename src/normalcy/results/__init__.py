"""What a scored video leaves behind: the files of its folder, written and read back."""
