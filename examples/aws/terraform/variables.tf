variable "create_provider" {
  description = "Whether to create the identity provider. An account has one for each issuer, so false if it is there already, whoever made it."
  type        = bool
  default     = true
}

variable "issuer" {
  description = "Host and path of the issuer, without https://. GitHub Enterprise Cloud with its own issuer: …/ENTERPRISE. GitHub Enterprise Server: HOST/_services/token."
  type        = string
  default     = "token.actions.githubusercontent.com"
}

variable "audience" {
  description = "Audience of the ID tokens. null: what this action asks for, sts.amazonaws.com, or sts.amazonaws.com.cn in China."
  type        = string
  default     = null
}

variable "roles" {
  description = <<-EOT
    The roles, by name. Jobs that may assume one: those of `repository` that have one of the `environments`, or none and run for one
    of the `refs`. Or `subjects`: the sub claims themselves, where * matches any text.
    With the ids (gh api repos/OWNER/NAME --jq '.id, .owner.id'), both formats of sub are accepted, and in the partition aws only the
    repository with this id, whoever has its name later. AWS has no keys for ids and job_workflow_refs in other partitions.
    rename_proof: any name, as long as the id is right (partition aws only).
    job_workflow_refs: only jobs of these reusable workflows. outlive_id_tokens: the role may assume itself, which the input of that name needs.
  EOT
  type = map(object({
    repository           = optional(string)
    repository_id        = optional(string)
    repository_owner_id  = optional(string)
    rename_proof         = optional(bool, false)
    environments         = optional(list(string), [])
    refs                 = optional(list(string), [])
    subjects             = optional(list(string), [])
    job_workflow_refs    = optional(list(string), [])
    path                 = optional(string, "/")
    description          = optional(string, "For GitHub Actions")
    policy_arns          = optional(list(string), [])
    permissions_boundary = optional(string)
    max_session_duration = optional(number, 3600)
    outlive_id_tokens    = optional(bool, false)
    tags                 = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for role in values(var.roles) : length(role.subjects) > 0 || (role.repository != null && length(concat(role.environments, role.refs)) > 0)])
    error_message = "A role needs subjects, or a repository with environments or refs."
  }
  validation {
    condition     = alltrue([for role in values(var.roles) : !role.rename_proof || role.repository_id != null])
    error_message = "rename_proof needs repository_id."
  }
}

variable "tags" {
  description = "Tags of the provider and of every role."
  type        = map(string)
  default     = {}
}
