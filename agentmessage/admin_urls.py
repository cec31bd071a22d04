"""The routes of the admin, imported with the first request for one."""

from django.contrib import admin

admin.autodiscover()
urlpatterns, app_name, _namespace = admin.site.urls
