"""Pictures, videos and audio: told apart by their content, and made anew in processes of their own."""
