hoard = []
while True:
    hoard.append(bytearray(b'x' * 64 * 1024 * 1024))
