"""Writes an object to OSS and reads it back, with the key that the SDK's own provider finds in the environment; prints the version as JSON."""

import json
import os
import sys
from importlib.metadata import version

import alibabacloud_oss_v2 as oss


def round_trip(endpoint: str) -> None:
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.EnvironmentVariableCredentialsProvider()
    config.region = os.environ['OSS_REGION']
    config.endpoint = endpoint
    config.use_path_style = True
    client = oss.Client(config)
    client.put_object(oss.PutObjectRequest(bucket='bucket', key='a folder/ö+.txt', body=b'content'))
    read = client.get_object(oss.GetObjectRequest(bucket='bucket', key='a folder/ö+.txt')).body.read()
    if read != b'content':
        raise ValueError(f'read {read!r}')


try:
    round_trip(os.environ['OSS_ENDPOINT'])
    print(json.dumps({'version': version('alibabacloud-oss-v2')}))
except Exception as error:
    sys.exit(str(error))
