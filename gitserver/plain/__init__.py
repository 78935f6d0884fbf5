"""A plain git server: a folder of repositories that plain git writes too, as `git http-backend`."""
