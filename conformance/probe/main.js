// Only the post step matters; it runs after those of all later steps.
