"""Drawn faces: `people` and `expressions` say what is drawn, `head` and `hair` shape it, `paint` colours it."""
