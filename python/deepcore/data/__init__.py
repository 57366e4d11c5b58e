"""Data in batches."""

from deepcore.data.bucket_by_length import BucketByLength as BucketByLength
