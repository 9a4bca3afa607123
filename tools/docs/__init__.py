"""Programs that write the pages of docs/."""
