import sys

print('giving up', flush=True)
sys.exit(3)
