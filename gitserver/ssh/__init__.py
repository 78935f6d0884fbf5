"""git over SSH on paramiko, which is imported here and nowhere else.

paramiko's thread of each connection reads and decrypts; what it finds is handed to the event loop,
where the same services run that answer HTTP. See docs/decisions/0009-ssh.md.
"""
