"""Pictures as users have them: files, folders, arrays."""
