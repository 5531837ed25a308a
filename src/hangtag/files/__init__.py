"""Files and folders: paths that users give, gzip, files that appear whole or not at all."""
