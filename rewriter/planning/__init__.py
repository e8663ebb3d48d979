"""Plans each class and function: which sites there are, what rules say of them, and under which names."""
