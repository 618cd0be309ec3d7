"""boto3 sessions that know nothing but the two files a server writes."""

import boto3
import botocore.session
from botocore.config import Config

# A client that tries once shows what the server said; with retries a 500 would look like slowness.
ONCE = {"total_max_attempts": 1, "mode": "standard"}


def session(config_file, credentials_file, region=None):
    inner = botocore.session.Session(profile="hostler")
    inner.set_config_variable("config_file", str(config_file))
    inner.set_config_variable("credentials_file", str(credentials_file))
    return boto3.session.Session(botocore_session=inner, region_name=region)


def client(made_in, service, **config):
    settings = {"retries": ONCE, "connect_timeout": 5, "read_timeout": 70} | config
    verify = settings.pop("verify", None)
    return made_in.client(service, config=Config(**settings), verify=verify)
