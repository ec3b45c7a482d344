output "provider_arn" {
  value = local.provider_arn
}

output "role_arns" {
  description = "The input role-to-assume, by the name of the role."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
