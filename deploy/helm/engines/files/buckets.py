"""Makes the two buckets; what lies under media/ of posts' bucket is public to read, as pictures are."""

import json
import os
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

store = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1")


def ready() -> bool:
    try:
        store.list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True


while not ready():  # the Job's own deadline ends this
    time.sleep(2)
there = {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}
for name in ("rookery-post-media", "rookery-analytics"):
    if name not in there:
        store.create_bucket(Bucket=name)
arn = "arn:aws:s3:::rookery-post-media"
public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/media/*"}
owner = {"AWS": [os.environ["AWS_ACCESS_KEY_ID"]]}
own = {"Effect": "Allow", "Principal": owner, "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
policy = {"Version": "2012-10-17", "Statement": [public, own]}
store.put_bucket_policy(Bucket="rookery-post-media", Policy=json.dumps(policy))
