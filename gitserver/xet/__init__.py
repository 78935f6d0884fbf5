"""The upload half of the Xet protocol: files come as chunks in xorbs, and leave as LFS objects.

Pure readers of what clients send (`hashes`, `xorb`, `shard`), a spool on disk for one upload at a
time (`spool`), and what puts the two together (`register`). See hub-api 8.3.
"""
