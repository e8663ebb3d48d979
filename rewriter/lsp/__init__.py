"""`rewriter lsp`: findings while a file is edited, with fixes and explanations, in editors that speak the protocol."""
