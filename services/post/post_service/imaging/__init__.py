"""Pictures: told apart by their content, decoded and encoded anew in processes of their own."""
