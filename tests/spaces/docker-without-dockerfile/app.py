print('no Dockerfile')
