"""Drawn faces.

`people` and `expressions` say what is drawn; `skull`, `features`, `body`, `hair` and `glasses` shape it;
`paint` and `beard` colour it; `portrait` puts it together.
"""
