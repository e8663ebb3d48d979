"""What rules decide, as data that describes and renders itself. Nothing here looks for anything."""
