#!/bin/sh
# The AWS CLI and the Python that Debian's packages brought into the folder root beside this copy.
root=$(dirname "$0")/root
PYTHONHOME=$root/usr exec "$root/usr/bin/python3.11" "$root/usr/bin/aws" "$@"
