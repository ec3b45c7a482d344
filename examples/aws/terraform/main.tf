# GitHub's identity provider, and roles that jobs of GitHub Actions may assume.

data "aws_partition" "this" {}
data "aws_caller_identity" "this" {}

locals {
  partition    = data.aws_partition.this.partition
  account      = data.aws_caller_identity.this.account_id
  audience     = coalesce(var.audience, local.partition == "aws-cn" ? "sts.amazonaws.com.cn" : "sts.amazonaws.com")
  provider_arn = "arn:${local.partition}:iam::${local.account}:oidc-provider/${var.issuer}"
  attachments  = merge([for name, role in var.roles : { for arn in role.policy_arns : "${name} ${arn}" => { role = name, arn = arn } }]...)
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = var.create_provider ? 1 : 0
  url            = "https://${var.issuer}"
  client_id_list = [local.audience]
  tags           = var.tags
}

module "trust_policy" {
  for_each          = var.roles
  source            = "./trust-policy"
  provider_arn      = local.provider_arn
  issuer            = var.issuer
  audience          = local.audience
  role_arn          = "arn:${local.partition}:iam::${local.account}:role${each.value.path}${each.key}"
  account_principal = "arn:${local.partition}:iam::${local.account}:root"
  claim_keys        = local.partition == "aws"
  role              = each.value
}

resource "aws_iam_role" "github" {
  for_each             = var.roles
  name                 = each.key
  path                 = each.value.path
  description          = each.value.description
  assume_role_policy   = module.trust_policy[each.key].json
  max_session_duration = each.value.max_session_duration
  permissions_boundary = each.value.permissions_boundary
  tags                 = merge(var.tags, each.value.tags)

  depends_on = [aws_iam_openid_connect_provider.github]
}

# Without this, the trust policy's statement OutliveIdTokens alone does not let the role assume itself.
resource "aws_iam_role_policy" "assume_itself" {
  for_each = { for name, role in var.roles : name => role if role.outlive_id_tokens }
  name     = "assume-itself"
  role     = aws_iam_role.github[each.key].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = aws_iam_role.github[each.key].arn }]
  })
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each   = local.attachments
  role       = aws_iam_role.github[each.value.role].name
  policy_arn = each.value.arn
}
