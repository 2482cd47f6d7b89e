"""What a person sees: live runs, results, forms, panels, graphs."""
