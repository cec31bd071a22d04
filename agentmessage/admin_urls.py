"""The routes of the admin: imported when somebody asks for one."""

from django.contrib import admin

admin.autodiscover()
urlpatterns, app_name, _namespace = admin.site.urls
