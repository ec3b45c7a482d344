"""A provider hashicorp/aws with the resources that examples/aws/terraform uses, for `terraform validate` and `plan`.

The real provider is not in a package registry. The attributes are those of its documentation (version 6):
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/iam_role and its neighbours.
It creates nothing. AWS_PARTITION chooses the partition that the data sources report.
"""

import os

from tf.iface import DataSource, Resource
from tf.runner import run_provider
from tf.schema import Attribute, Schema
from tf.types import Bool, List, Map, Number, Set, String
from tf.utils import Diagnostics

ACCOUNT = "111122223333"
PARTITION = os.environ.get("AWS_PARTITION", "aws")


def required(name, kind=None):
    return Attribute(name, kind or String(), required=True)


def optional(name, kind=None):
    return Attribute(name, kind or String(), optional=True)


def computed(name, kind=None):
    return Attribute(name, kind or String(), computed=True)


def both(name, kind=None):
    return Attribute(name, kind or String(), optional=True, computed=True)


TAGS = [optional("tags", Map(String())), both("tags_all", Map(String()))]

RESOURCES = {
    "aws_iam_openid_connect_provider": [
        required("url"),
        required("client_id_list", Set(String())),
        both("thumbprint_list", List(String())),
        computed("arn"),
        *TAGS,
    ],
    "aws_iam_role": [
        required("assume_role_policy"),
        both("name"),
        both("name_prefix"),
        optional("description"),
        optional("force_detach_policies", Bool()),
        optional("max_session_duration", Number()),
        optional("path"),
        optional("permissions_boundary"),
        both("managed_policy_arns", Set(String())),
        computed("arn"),
        computed("create_date"),
        computed("unique_id"),
        *TAGS,
    ],
    "aws_iam_role_policy": [required("role"), required("policy"), both("name"), both("name_prefix")],
    "aws_iam_role_policy_attachment": [required("role"), required("policy_arn")],
}

DATA = {
    "aws_partition": {"partition": PARTITION, "dns_suffix": "amazonaws.com", "reverse_dns_prefix": "com.amazonaws"},
    "aws_caller_identity": {"account_id": ACCOUNT, "arn": f"arn:{PARTITION}:iam::{ACCOUNT}:user/x", "user_id": "x"},
}


def resource(name, attributes):
    class Made(Resource):
        def __init__(self, provider):
            pass

        @classmethod
        def get_name(cls):
            return name.removeprefix("aws_")

        @classmethod
        def get_schema(cls):
            return Schema(attributes=[computed("id"), *attributes])

        def create(self, ctx, planned):
            raise NotImplementedError("this provider only plans")

        read = update = delete = import_ = upgrade = create

    return Made


def data_source(name, values):
    class Read(DataSource):
        def __init__(self, provider):
            pass

        @classmethod
        def get_name(cls):
            return name.removeprefix("aws_")

        @classmethod
        def get_schema(cls):
            return Schema(attributes=[computed("id"), *(computed(key) for key in values)])

        def read(self, ctx, config):
            return {"id": ACCOUNT, **values}

    return Read


class Aws:
    def get_model_prefix(self):
        return "aws_"

    def full_name(self):
        return "registry.terraform.io/hashicorp/aws"

    def get_provider_schema(self, diags: Diagnostics):
        return Schema(attributes=[optional("region")])

    def validate_config(self, diags, config):
        pass

    def configure_provider(self, diags, config):
        pass

    def get_data_sources(self):
        return [data_source(name, values) for name, values in DATA.items()]

    def get_resources(self):
        return [resource(name, attributes) for name, attributes in RESOURCES.items()]

    def get_functions(self):
        return []

    def new_resource(self, cls):
        return cls(self)

    def new_data_source(self, cls):
        return cls(self)


if __name__ == "__main__":
    run_provider(Aws())
