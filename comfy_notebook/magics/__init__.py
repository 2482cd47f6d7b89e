"""`%comfy` and `%%comfy`: thin over the library, one file per group of subcommands."""
