"""What people look at: tables, figures, pictures, progress; made from results only."""
