# The trust policy of one role. Apart from the module above it, because this part needs no provider: so it can be tested anywhere.

variable "provider_arn" { type = string }
variable "issuer" { type = string }
variable "audience" { type = string }
variable "role_arn" { type = string }
variable "account_principal" { type = string }

variable "claim_keys" {
  description = "Whether AWS has condition keys for repository_id and the like: in the partition aws only."
  type        = bool
}

variable "role" {
  type = object({
    repository          = optional(string)
    repository_id       = optional(string)
    repository_owner_id = optional(string)
    rename_proof        = optional(bool, false)
    environments        = optional(list(string), [])
    refs                = optional(list(string), [])
    subjects            = optional(list(string), [])
    job_workflow_refs   = optional(list(string), [])
    outlive_id_tokens   = optional(bool, false)
  })
}

locals {
  names = var.role.repository == null ? [] : split("/", var.role.repository)
  ids   = var.role.repository_id != null && var.role.repository_owner_id != null

  # repo:OWNER/NAME, and the format with the ids, or any name.
  prefixes = length(local.names) == 0 ? [] : var.role.rename_proof ? ["repo:*"] : concat(
    ["repo:${var.role.repository}"],
    local.ids ? ["repo:${local.names[0]}@${var.role.repository_owner_id}/${local.names[1]}@${var.role.repository_id}"] : [],
  )
  # GitHub escapes a colon in the name of an environment.
  jobs = concat(
    [for name in var.role.environments : "environment:${replace(name, ":", "%3A")}"],
    [for ref in var.role.refs : "ref:${ref}"],
  )
  subjects = concat(var.role.subjects, [for pair in setproduct(local.prefixes, local.jobs) : join(":", pair)])

  pins = merge(
    { "${var.issuer}:aud" = var.audience },
    var.role.repository_id == null ? {} : { "${var.issuer}:repository_id" = var.role.repository_id },
    var.role.repository_owner_id == null ? {} : { "${var.issuer}:repository_owner_id" = var.role.repository_owner_id },
  )
  likes = merge(
    { "${var.issuer}:sub" = local.subjects },
    length(var.role.job_workflow_refs) == 0 ? {} : { "${var.issuer}:job_workflow_ref" = var.role.job_workflow_refs },
  )

  github = {
    Sid       = "GitHubActions"
    Effect    = "Allow"
    Principal = { Federated = var.provider_arn }
    Action    = "sts:AssumeRoleWithWebIdentity"
    Condition = {
      # Outside the partition aws, the ids in sub pin the repository.
      StringEquals = { for key, value in local.pins : key => value if var.claim_keys || endswith(key, ":aud") }
      StringLike   = local.likes
    }
  }
  # The principal is the account, because IAM refuses a role that does not exist yet. The condition admits only the role.
  itself = {
    Sid       = "OutliveIdTokens"
    Effect    = "Allow"
    Principal = { AWS = var.account_principal }
    Action    = "sts:AssumeRole"
    Condition = { ArnEquals = { "aws:PrincipalArn" = var.role_arn } }
  }
}

output "json" {
  value = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.github], var.role.outlive_id_tokens ? [local.itself] : [])
  })

  precondition {
    condition     = var.claim_keys || (!var.role.rename_proof && length(var.role.job_workflow_refs) == 0)
    error_message = "AWS has no keys for repository_id and job_workflow_ref in this partition: rename_proof and job_workflow_refs cannot hold."
  }
}
