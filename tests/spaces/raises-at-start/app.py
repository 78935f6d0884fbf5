import os

print(os.environ['A_VARIABLE_THAT_NOBODY_SET'])
