"""The calls of Terraform's AWS provider for SageMaker's hosting, replayed over boto3.

The provider itself is a Go plugin that cannot be fetched where these tests run. What stands here is what is known of
its behaviour (v6: the order of its calls, what it retries and for how long, which texts it matches, what it reads
back), written anew; nothing of its source is in it.
"""
