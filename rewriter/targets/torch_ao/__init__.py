"""What torch.ao's eager mode asks for besides modules: stubs, a method that fuses, ReLU in the place of ReLU6."""
