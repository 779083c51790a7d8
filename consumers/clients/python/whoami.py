"""Asks STS who it is, with what the default credential chain finds, and prints the answer as JSON."""

import json
import os
import sys
from importlib.metadata import version

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.utils_models import Config


def who_am_i(endpoint: str) -> str:
    config = Config(credential=CredentialClient(), endpoint=endpoint, protocol='https')
    return Client(config).get_caller_identity().body.arn


try:
    print(json.dumps({'arn': who_am_i(os.environ['STS_ENDPOINT']), 'version': version('alibabacloud_credentials')}))
except Exception as error:
    sys.exit(str(error))
