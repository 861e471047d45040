"""Every statement and script of notification, by what it keeps."""
