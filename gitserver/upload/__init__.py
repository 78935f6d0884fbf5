"""upload-pack: the reading half of the git server, the same code for HTTP and SSH."""
