"""Make the bucket that MLflow keeps its models in, unless it is there: run once before the MLflow server.

    python create_bucket.py mlflow

Address and keys come from the variables that MLflow reads too: MLFLOW_S3_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY.
"""

import os
import sys
from typing import Any


def create_bucket(client: Any, name: str) -> bool:
    """Whether the bucket was made now; False when it was there already. Raises what the S3 client raises otherwise."""
    try:
        client.create_bucket(Bucket=name)
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        return False
    return True


if __name__ == "__main__":
    import boto3  # only the image of MLflow has it

    is_new = create_bucket(boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"]), sys.argv[1])
    print(f"bucket {sys.argv[1]} {'was made' if is_new else 'is there already'}")
