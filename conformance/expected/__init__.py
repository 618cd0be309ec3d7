"""What AWS answers to wrong requests, worked out from botocore's model without Hostler's code."""
