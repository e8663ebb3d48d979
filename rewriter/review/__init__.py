"""What a person looks at before `fix` writes: the page of `rewriter report`, and `fix --interactive`."""
