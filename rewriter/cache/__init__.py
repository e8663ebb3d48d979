"""What earlier runs have found, on disk, for as long as nothing that it hangs on has changed."""
