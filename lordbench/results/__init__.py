"""Result rows, run folders, and what is computed from them: leaderboards, differences, claims, status."""
