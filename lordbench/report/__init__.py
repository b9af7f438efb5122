"""What people look at: tables, pictures, progress; made from results only."""
