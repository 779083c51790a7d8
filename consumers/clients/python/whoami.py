"""Asks STS who it is, with what the default credential chain finds, and prints the answer as JSON. argv: for how many seconds the same client goes on asking."""

import json
import os
import sys
import time
from importlib.metadata import version

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.utils_models import Config


def who_am_i(endpoint: str, seconds: float) -> str:
    config = Config(credential=CredentialClient(), endpoint=endpoint, protocol='https')
    client = Client(config)
    end = time.monotonic() + seconds
    arn = client.get_caller_identity().body.arn
    while time.monotonic() < end:
        time.sleep(0.5)
        arn = client.get_caller_identity().body.arn
    return arn


try:
    print(json.dumps({'arn': who_am_i(os.environ['STS_ENDPOINT'], float(sys.argv[1]) if len(sys.argv) > 1 else 0), 'version': version('alibabacloud_credentials')}))
except Exception as error:
    sys.exit(str(error))
