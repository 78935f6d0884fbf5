print('hello and good bye')
